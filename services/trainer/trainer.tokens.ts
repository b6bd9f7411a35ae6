// What the trainer's parts are asked for by.
export const TRAINER_STORE = Symbol('TrainerStore');
export const TRAINER_OBJECTS = Symbol('TrainerObjects');
export const TRAINER_RUNNER = Symbol('TrainerRunner');
