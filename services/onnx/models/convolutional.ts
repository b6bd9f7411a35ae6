// Convolutional networks: a plain one by its list of layers, and three in the manner of AlexNet, VGG and GoogLeNet whose
// size follows from the image and one width. `image` [batch, channels, height, width] to `probabilities` [batch, classes].
import { Layers, type Signal } from './layers.js';

export interface ImageOptions {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly classes: number;
  readonly seed: number;
}

/** `{ filters: 16, kernel: 3 }` is a convolution with Relu that keeps the size, 'pool' halves it, 'norm' is a batch norm. */
export type Block = { readonly filters: number; readonly kernel: number } | 'pool' | 'norm';

export interface ConvolutionalOptions extends ImageOptions {
  readonly blocks: readonly Block[];
  /** Dense layers before the last. */
  readonly hidden?: readonly number[];
  readonly dropout?: number;
}

export function convolutional(options: ConvolutionalOptions): Uint8Array {
  const [net, image] = begin('cnn', options);
  let x = image;
  for (const block of options.blocks) {
    if (block === 'pool') x = net.maxPool(x, 2);
    else if (block === 'norm') x = net.batchNorm(x);
    else x = net.relu(net.conv(x, block.filters, block.kernel, { pad: 'same' }));
  }
  x = net.flatten(x);
  for (const width of options.hidden ?? [])
    x = dropped(net, net.relu(net.dense(x, width)), options.dropout ?? 0);
  return end(net, x, options.classes);
}

/** Filters of the first layer; the others follow in the proportions of the original. */
export interface ScaledOptions extends ImageOptions {
  readonly base?: number;
}

/** Krizhevsky, Sutskever, Hinton, 2012: large first windows, local response normalisation, overlapping pools, dropout. */
export function alexNetLike({ base = 16, ...options }: ScaledOptions): Uint8Array {
  const [net, image] = begin('alexnet', options);
  let x = net.maxPool(net.localResponse(net.relu(net.conv(image, base, 5, { pad: 'same' }))), 3, 2);
  x = net.maxPool(net.localResponse(net.relu(net.conv(x, base * 2, 5, { pad: 'same' }))), 3, 2);
  x = net.relu(net.conv(x, base * 4, 3, { pad: 'same' }));
  x = net.relu(net.conv(x, base * 4, 3, { pad: 'same' }));
  x = net.maxPool(net.relu(net.conv(x, base * 2, 3, { pad: 'same' })), 3, 2);
  x = net.flatten(x);
  x = net.relu(net.dense(dropped(net, x, 0.5), base * 8));
  x = net.relu(net.dense(dropped(net, x, 0.5), base * 8));
  return end(net, x, options.classes);
}

/** Simonyan and Zisserman, 2015: pairs of small windows, filters doubled after each pool. */
export function vggLike({ base = 16, ...options }: ScaledOptions): Uint8Array {
  const [net, image] = begin('vgg', options);
  let x = image;
  for (const filters of [base, base * 2, base * 4]) {
    for (let i = 0; i < 2; i++) x = net.relu(net.conv(x, filters, 3, { pad: 'same' }));
    x = net.maxPool(x, 2);
  }
  x = dropped(net, net.relu(net.dense(net.flatten(x), base * 8)), 0.5);
  return end(net, x, options.classes);
}

/** Szegedy et al., 2015: windows of several sizes side by side, averaged over the image at the end. */
export function googLeNetLike({ base = 16, ...options }: ScaledOptions): Uint8Array {
  const [net, image] = begin('googlenet', options);
  let x = net.maxPool(net.relu(net.conv(image, base, 3, { pad: 'same' })), 2);
  x = inception(net, inception(net, x, base), base);
  x = inception(net, net.maxPool(x, 2), base * 2);
  return end(net, dropped(net, net.globalAverage(x), 0.4), options.classes);
}

/** Four branches of `width` channels each; 1 x 1 windows narrow what the larger ones see. */
function inception(net: Layers, x: Signal, width: number): Signal {
  const narrow = (): Signal => net.relu(net.conv(x, Math.max(1, width / 2), 1));
  return net.concat([
    net.relu(net.conv(x, width, 1)),
    net.relu(net.conv(narrow(), width, 3, { pad: 'same' })),
    net.relu(net.conv(narrow(), width, 5, { pad: 'same' })),
    net.relu(net.conv(net.maxPool(x, 3, 1, 1), width, 1)),
  ]);
}

function begin(name: string, { channels, height, width, seed }: ImageOptions): [Layers, Signal] {
  const net = new Layers(name, seed);
  return [net, net.input('image', ['batch', channels, height, width])];
}

function end(net: Layers, x: Signal, classes: number): Uint8Array {
  net.output(net.softmax(net.dense(x, classes)), 'probabilities');
  return net.bytes();
}

const dropped = (net: Layers, x: Signal, ratio: number): Signal => (ratio > 0 ? net.dropout(x, ratio) : x);
