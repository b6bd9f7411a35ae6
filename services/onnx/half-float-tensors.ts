// Half floats go into onnxruntime as 16-bit integers on every Node. The binding (1.30) takes a Float16Array, which Node 23 and newer have,
// for one without bytes (microsoft/onnxruntime#32323), and onnxruntime-common makes one of every half-float tensor as soon as it has found
// the class. It looks once, at the process's first tensor: that is made here, while there is none to find.
import { Tensor } from 'onnxruntime-node';

const found = Object.getOwnPropertyDescriptor(globalThis, 'Float16Array');
if (found) {
  Reflect.deleteProperty(globalThis, 'Float16Array');
  new Tensor('bool', [true]);
  Object.defineProperty(globalThis, 'Float16Array', found);
}
