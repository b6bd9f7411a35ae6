// What the compressor's parts are asked for by.
export const COMPRESSOR_STORE = Symbol('CompressorStore');
export const COMPRESSOR_OBJECTS = Symbol('CompressorObjects');
export const COMPRESSOR_RUNNER = Symbol('CompressorRunner');
