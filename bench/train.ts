// Time of a training step: the network of 235,000 weights and the small convolutional one, batch 64, momentum, beside
// TensorFlow.js on its cpu and wasm backends. Rounds take turns, so that drift of the machine hits all alike.
import { Graph } from '../services/onnx/graph.js';
import { multilayer } from '../services/onnx/models/mlp.js';
import { seeded, type Seeded } from '../services/onnx/seeded.js';
import { float32, int64 } from '../services/onnx/tensor.js';
import { repeated } from '../services/onnx/training/repeated.js';
import { trainingGraph } from '../services/onnx/training/training-graph.js';
import { openTraining } from '../services/onnx/training/training-session.js';
import { digitsNetwork } from './compress-models/digits.js';
import { type Aim, type Benchmark, percentile } from './report.js';
import type { Trainer } from './peers/trainer.js';

const BATCH = 64;
const RATE = 0.01;
const MOMENTUM = 0.9;

/** `rounds` of `runs` each; a contender of `steps` makes that many steps a run. */
const SIZES = {
  ci: { rounds: 2, msPerTurn: 60, peerRounds: 0, slowPeerRounds: 0 },
  quick: { rounds: 8, msPerTurn: 200, peerRounds: 3, slowPeerRounds: 1 },
  full: { rounds: 15, msPerTurn: 400, peerRounds: 5, slowPeerRounds: 2 },
} as const;

export const benchmark: Benchmark = async ({ form, seed }) => {
  const size = SIZES[form];
  const ours = await Promise.all([
    contender('mlp', 1, seed),
    contender('mlp', 40, seed),
    contender('cnn', 1, seed),
    contender('cnn', 10, seed),
  ]);
  const peers = size.peerRounds === 0 ? [] : await peerTrainersOf(seed);
  const all = [...ours, ...peers].filter(({ slow }) => !slow || size.slowPeerRounds > 0);
  const samples = new Map<string, number[]>(all.map(({ name }) => [name, []]));
  // The first run of each pays for loading and for shaping its memory.
  for (const one of all) await one.run();
  for (let round = 0; round < size.rounds; round++) {
    for (const one of all) {
      const rounds = one.slow ? size.slowPeerRounds : one.peer ? size.peerRounds : size.rounds;
      if (round >= rounds) continue;
      samples.get(one.name)?.push(...(await turn(one, one.slow ? 0 : size.msPerTurn)));
    }
  }
  for (const one of all) await one.close();
  const stepMs = Object.fromEntries([...samples].map(([name, list]) => [name, percentile(list, 0.5)]));
  console.table(
    [...samples].map(([name, list]) => ({
      trainer: name,
      'step p50 ms': percentile(list, 0.5).toFixed(3),
      'p10 ms': percentile(list, 0.1).toFixed(3),
      samples: list.length,
    })),
  );
  return { results: { batch: BATCH, stepMs }, aims: aims(stepMs) };
};

/** Loaded when it is measured: TensorFlow.js takes seconds to come up. */
async function peerTrainersOf(seed: number): Promise<Trainer[]> {
  const { peerTrainers } = await import('./peers/tfjs-training.js');
  return peerTrainers(BATCH, RATE, MOMENTUM, seed);
}

function aims(stepMs: Readonly<Record<string, number>>): Aim[] {
  const best = (prefix: string): number =>
    Math.min(...Object.entries(stepMs).flatMap(([name, ms]) => (name.startsWith(prefix) ? [ms] : [])));
  const [mlp, cnn] = [best('mlp, ours'), best('cnn, ours')];
  const times = (name: string, peer: string, own: number, aim: number): Aim[] => {
    const ms = stepMs[peer];
    return ms === undefined ? [] : [{ name, value: ms / own, unit: 'x', aim, op: '>=' }];
  };
  return [
    { name: 'MLP step', value: mlp, unit: 'ms', aim: 0.8, op: '<=' },
    { name: 'CNN step', value: cnn, unit: 'ms', aim: 10, op: '<=' },
    ...times('MLP, times TensorFlow.js cpu', 'mlp, TensorFlow.js cpu', mlp, 100),
    ...times('MLP, times TensorFlow.js wasm', 'mlp, TensorFlow.js wasm', mlp, 25),
    ...times('CNN, times TensorFlow.js cpu', 'cnn, TensorFlow.js cpu', cnn, 500),
  ];
}

/** Milliseconds per step of each run within the time, at least one. */
async function turn(one: Trainer, forMs: number): Promise<number[]> {
  const samples: number[] = [];
  const until = performance.now() + forMs;
  do {
    const from = performance.now();
    await one.run();
    samples.push((performance.now() - from) / one.stepsPerRun);
  } while (performance.now() < until);
  return samples;
}

const NETWORKS = {
  mlp: {
    bytes: (seed: number) => multilayer({ inputs: 784, hidden: [256, 128], classes: 10, seed }),
    input: 'x',
    dims: [784],
  },
  cnn: {
    bytes: digitsNetwork,
    input: 'image',
    dims: [1, 28, 28],
  },
} as const;

async function contender(network: 'mlp' | 'cnn', stepsPerRun: number, seed: number): Promise<Trainer> {
  const { bytes, input, dims } = NETWORKS[network];
  const single = trainingGraph(Graph.read(bytes(seed)), {
    loss: { kind: 'crossEntropy' },
    optimiser: { kind: 'sgd', momentum: MOMENTUM },
    bind: { batch: BATCH },
  });
  const graph = stepsPerRun === 1 ? single : repeated(single, stepsPerRun);
  const session = await openTraining(graph, { threads: 2 });
  const shape = stepsPerRun === 1 ? [BATCH] : [stepsPerRun, BATCH];
  const count = stepsPerRun * BATCH;
  const random = seeded(seed);
  const batch = {
    [input]: float32([...shape, ...dims], random.normals(count * 784, 1)),
    labels: int64(shape, labelList(random, count)),
  };
  const rates = Array.from({ length: stepsPerRun }, () => RATE);
  return {
    name: `${network}, ours${stepsPerRun === 1 ? '' : `, ${stepsPerRun} steps a run`}`,
    peer: false,
    slow: false,
    stepsPerRun,
    run: () => session.run(batch, rates),
    close: () => session.close(),
  };
}

function labelList(random: Seeded, count: number): number[] {
  return Array.from({ length: count }, () => Math.floor(random.uniform() * 10));
}
