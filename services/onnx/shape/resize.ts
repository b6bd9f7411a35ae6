// Resizing of images, by target sizes or by scales.
import { floatsOf, intsOf } from '../attributes.js';
import { floorDivide, multiply } from '../dims.js';
import { TensorProto_DataType as T } from '../proto/onnx_pb.js';
import type { Dim } from '../value-info.js';
import { numbers, positiveAxis, typed, type Question, type Rule, type Rules } from './rule.js';

const resize: Rule = (question) => {
  const { node, inputs, opset } = question;
  const [x] = inputs;
  if (x?.shape === undefined) return x === undefined ? [] : [typed(x.dataType)];
  const { shape } = x;
  // Opset 10 has scales second; from 11 there is a region of interest before them and sizes after.
  const sizes = opset < 11 ? undefined : inputs[3];
  const scales = numbers(inputs[opset < 11 ? 1 : 2]) ?? floatsOf(node, 'scales');
  const axes = (intsOf(node, 'axes') ?? shape.map((_, i) => i)).map((axis) =>
    positiveAxis(question, axis, shape.length),
  );
  const result: Dim[] = [...shape];
  axes.forEach((axis, i) => {
    const target = sizes?.content?.[i];
    const scale = scales?.[i];
    const size = shape[axis] ?? 1;
    if (sizes !== undefined) result[axis] = target ?? question.unknownDim();
    else result[axis] = scale === undefined ? question.unknownDim() : scaled(question, size, scale);
  });
  return [typed(x.dataType, result)];
};

function scaled(question: Question, size: Dim, scale: number): Dim {
  if (typeof size === 'number') return Math.floor(size * scale);
  if (Number.isInteger(scale)) return multiply(size, scale);
  return Number.isInteger(1 / scale) ? floorDivide(size, 1 / scale) : question.unknownDim();
}

const roiAlign: Rule = ({ node, inputs: [x, rois] }) => {
  const attribute = (name: string): number =>
    Number(node.attribute.find((one) => one.name === name)?.i ?? 1n);
  if (x === undefined) return [];
  const [count, channels] = [rois?.shape?.[0], x.shape?.[1]];
  if (count === undefined || channels === undefined) return [typed(x.dataType)];
  return [typed(x.dataType, [count, channels, attribute('output_height'), attribute('output_width')])];
};

const gridSample: Rule = ({ inputs: [x, grid] }) => {
  if (x?.shape === undefined || grid?.shape === undefined)
    return x === undefined ? [] : [typed(x.dataType ?? T.FLOAT)];
  return [typed(x.dataType, [...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)])];
};

export const resizing: Rules = {
  Resize: resize,
  Upsample: resize,
  RoiAlign: roiAlign,
  GridSample: gridSample,
};
