// Cut-out lines as a recogniser or classifier wants them: planes of normalised floats, all of one width. What is padded is 0 after
// normalising, as in the models' training.
import { bytes, made, port, room, sameRows, type StepFunction } from './step-function.js';

export const lineInput: StepFunction<'line-input'> = (ports, { width, multiple, order, mean, std }) => {
  const rows = sameRows(ports, 'lines', 'widths');
  const [, height = 0, stride = 0] = port(ports, 'lines').shape;
  const own = (port(ports, 'widths').data as Int32Array).map((value) => Math.min(stride, Math.max(0, value)));
  const widest = Math.ceil(own.reduce((most, value) => Math.max(most, value), 1) / multiple) * multiple;
  const columns = width ?? widest;
  const x = new Float32Array(room(rows, 3, height, columns));
  const lines = bytes(ports, 'lines');
  for (let row = 0; row < rows; row++) {
    const from = own[row] ?? 0;
    if (from === 0) continue;
    const filled = Math.min(columns, from);
    for (let channel = 0; channel < 3; channel++) {
      const source = order === 'bgr' ? 2 - channel : channel;
      const gain = 1 / (255 * (std[channel] || 1));
      const shift = (mean[channel] ?? 0) / (std[channel] || 1);
      for (let y = 0; y < height; y++) {
        const line = (row * height + y) * stride;
        const to = ((row * 3 + channel) * height + y) * columns;
        for (let column = 0; column < filled; column++) {
          const value =
            filled === from
              ? lines[(line + column) * 3 + source]
              : squeezed(lines, line, column, from / filled, from, source);
          x[to + column] = (value ?? 0) * gain - shift;
        }
      }
    }
  }
  return { x: made('FP32', [rows, 3, height, columns], x) };
};

function squeezed(
  lines: Uint8Array,
  line: number,
  column: number,
  ratio: number,
  width: number,
  channel: number,
): number {
  const position = Math.min(width - 1, Math.max(0, (column + 0.5) * ratio - 0.5));
  const left = Math.floor(position);
  const a = lines[(line + left) * 3 + channel] ?? 0;
  const b = lines[(line + Math.min(width - 1, left + 1)) * 3 + channel] ?? 0;
  return a + (b - a) * (position - left);
}
