// Which cuts a model allows and what they cost, for people: a table of the stages, and a plot of the bytes that cross at every place.
import { bytesText, table } from '../cli/table.js';
import { box, label, line, picture, type Point } from '../../services/mesh/svg.js';
import type { StagePlan } from '../../services/onnx/split/plan-stages.js';
import type { StageProblem } from '../../services/onnx/split/stage-problem.js';

export const planTable = ({ stages }: StagePlan): string =>
  table(
    ['stage', 'nodes', 'ms', 'memory', 'receives'],
    stages.map(({ from, to, ms, memoryBytes, receivedBytes }, i) => [
      i + 1,
      `${from}..${to - 1}`,
      Number(ms.toFixed(3)),
      bytesText(memoryBytes),
      receivedBytes === 0 ? '-' : bytesText(receivedBytes),
    ]),
  );

/** The lightest places where the model can be cut, and what lies before each. */
export function cutTable({ cuts, cutBytes, nodeMs }: StageProblem, most = 12): string {
  const whole = nodeMs.reduce((total, ms) => total + ms, 0);
  const lightest = cuts.toSorted((a, b) => (cutBytes[a] ?? 0) - (cutBytes[b] ?? 0)).slice(0, most);
  return table(
    ['cut before node', 'crosses', 'of the time before it'],
    lightest
      .toSorted((a, b) => a - b)
      .map((at) => {
        const before = nodeMs.slice(0, at).reduce((total, ms) => total + ms, 0);
        return [at, bytesText(cutBytes[at] ?? 0), `${((100 * before) / (whole || 1)).toFixed(0)} %`];
      }),
  );
}

const [WIDTH, HEIGHT, LEFT, TOP] = [720, 260, 70, 30];

/** Bytes on a logarithmic scale over the nodes; possible cuts are dots, chosen ones bars. */
export function cutPlot(
  title: string,
  { cuts, cutBytes, nodeMs }: StageProblem,
  { stages }: StagePlan,
): string {
  const most = Math.max(10, ...cutBytes);
  const x = (at: number): number => LEFT + ((WIDTH - LEFT - 20) * at) / nodeMs.length;
  const y = (bytes: number): number =>
    HEIGHT - TOP - ((HEIGHT - 2 * TOP) * Math.log10(Math.max(1, bytes))) / Math.log10(most);
  const curve = cutBytes.map((bytes, at): Point => [x(at), y(bytes)]);
  return picture(WIDTH, HEIGHT, title, [
    label(LEFT, 18, `${title}: bytes that cross before each node`),
    label(LEFT - 6, y(most) + 4, bytesText(most), 'end'),
    label(LEFT - 6, y(1), '1 B', 'end'),
    label(WIDTH - 20, HEIGHT - 8, `${nodeMs.length} nodes`, 'end'),
    line(curve, '#999'),
    ...cuts.map((at) => box(x(at) - 1.5, y(cutBytes[at] ?? 0) - 1.5, 3, 3, '#0072b2')),
    ...stages
      .slice(1)
      .flatMap(({ from, receivedBytes }) => [
        box(x(from) - 0.75, TOP, 1.5, HEIGHT - 2 * TOP, '#d55e00'),
        label(x(from) + 4, TOP + 10, bytesText(receivedBytes), 'start', '#d55e00'),
      ]),
  ]);
}
