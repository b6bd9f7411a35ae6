// The networks of bench/train.ts in TensorFlow.js, cpu and wasm backends: same layers, batch, optimiser and loss. Its wasm
// backend has no kernel for the gradient of a convolution's weights, so the convolutional network runs on cpu alone.
import { createRequire } from 'node:module';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { seeded } from '../../services/onnx/seeded.js';
import type { Trainer } from './trainer.js';

export async function peerTrainers(
  batch: number,
  rate: number,
  momentum: number,
  seed: number,
): Promise<Trainer[]> {
  const require = createRequire(import.meta.url);
  setWasmPaths(`${path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}${path.sep}`);
  const make = async (backend: 'cpu' | 'wasm', network: 'mlp' | 'cnn'): Promise<Trainer> => {
    await tf.setBackend(backend);
    await tf.ready();
    const random = seeded(seed);
    const shape = network === 'mlp' ? [batch, 784] : [batch, 28, 28, 1];
    const images = tf.tensor(random.normals(batch * 784, 1), shape);
    const classes = Int32Array.from({ length: batch }, () => Math.floor(random.uniform() * 10));
    const labels = tf.oneHot(tf.tensor1d(classes, 'int32'), 10);
    const model = network === 'mlp' ? perceptron() : convolutional();
    model.compile({ optimizer: tf.train.momentum(rate, momentum), loss: 'categoricalCrossentropy' });
    return {
      name: `${network}, TensorFlow.js ${backend}`,
      peer: true,
      slow: network === 'cnn',
      stepsPerRun: 1,
      run: async () => {
        await tf.setBackend(backend);
        return await model.trainOnBatch(images, labels);
      },
      close: () => Promise.resolve(),
    };
  };
  return [await make('cpu', 'mlp'), await make('wasm', 'mlp'), await make('cpu', 'cnn')];
}

function perceptron(): tf.Sequential {
  return tf.sequential({
    layers: [
      tf.layers.dense({ inputShape: [784], units: 256, activation: 'relu' }),
      tf.layers.dense({ units: 128, activation: 'relu' }),
      tf.layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
}

function convolutional(): tf.Sequential {
  const conv = { kernelSize: 3, padding: 'same', activation: 'relu' } as const;
  return tf.sequential({
    layers: [
      tf.layers.conv2d({ inputShape: [28, 28, 1], filters: 16, ...conv }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.conv2d({ filters: 32, ...conv }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 128, activation: 'relu' }),
      tf.layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
}
