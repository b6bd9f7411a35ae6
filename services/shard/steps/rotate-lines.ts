// Turns lines that stand on their head, by the word of a two-class classifier.
import { bytes, floats, made, port, sameRows, type StepFunction } from './step-function.js';

export const rotateLines: StepFunction<'rotate-lines'> = (ports, { threshold }) => {
  const rows = sameRows(ports, 'lines', 'widths', 'classes');
  const { shape } = port(ports, 'lines');
  const [, height = 0, stride = 0] = shape;
  const widths = port(ports, 'widths').data as Int32Array;
  const classes = floats(ports, 'classes');
  const lines = Uint8Array.from(bytes(ports, 'lines'));
  for (let row = 0; row < rows; row++) {
    const width = Math.min(stride, Math.max(0, widths[row] ?? 0));
    if ((classes[row * 2 + 1] ?? 0) > threshold)
      turn(lines.subarray(row * height * stride * 3), height, width, stride);
  }
  return { lines: made('UINT8', shape, lines) };
};

function turn(line: Uint8Array, height: number, width: number, stride: number): void {
  const pixels = height * width;
  const place = (i: number): number => (Math.floor(i / width) * stride + (i % width)) * 3;
  for (let i = 0; i < pixels >> 1; i++) {
    const [a, b] = [place(i), place(pixels - 1 - i)];
    for (let channel = 0; channel < 3; channel++) {
      const value = line[a + channel] ?? 0;
      line[a + channel] = line[b + channel] ?? 0;
      line[b + channel] = value;
    }
  }
}
