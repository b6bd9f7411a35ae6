// What a backward rule is asked and what it answers. One file per operator family holds the rules; backward.ts asks them.
import assert from 'node:assert';
import { failure } from '../../../contracts/errors.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { nodeLabel } from '../refusal.js';
import type { Writer } from './writer.js';

/** Choices between forms that compute the same. */
export interface Forms {
  /** Allows com.microsoft FusedMatMul, which saves the Transpose of batched products. Off: standard operators alone. */
  readonly fusedMatMul?: boolean;
  /** 'columns' and 'flipped' are the faster ones where they apply; 'plain' asks for the base forms. */
  readonly convolution?: 'fast' | 'plain';
}

export class Asked {
  constructor(
    readonly write: Writer,
    readonly node: NodeProto,
    private readonly gradients: ReadonlyMap<string, string>,
    private readonly wanted: ReadonlySet<string>,
    readonly forms: Forms,
  ) {}

  get inputs(): readonly string[] {
    return this.node.input;
  }

  input(i: number): string {
    const name = this.node.input[i];
    assert(name !== undefined && name !== '', `${nodeLabel(this.node)} has no input ${i}`);
    return name;
  }

  has(i: number): boolean {
    return (this.node.input[i] ?? '') !== '';
  }

  output(i = 0): string {
    const name = this.node.output[i];
    assert(name !== undefined && name !== '', `${nodeLabel(this.node)} has no output ${i}`);
    return name;
  }

  /** The gradient that arrives at the first output. */
  get dY(): string {
    const arriving = this.upstream(0);
    if (arriving === undefined)
      throw failure(
        'UNSUPPORTED',
        `The loss depends on ${nodeLabel(this.node)} through its second output, which has no gradient.`,
        { node: this.node.name, operator: this.node.opType },
      );
    return arriving;
  }

  upstream(i: number): string | undefined {
    return this.gradients.get(this.node.output[i] ?? '');
  }

  /** Whether somebody needs the gradient of the i-th input. */
  wants(i: number): boolean {
    return this.wanted.has(this.node.input[i] ?? '');
  }

  /** Rules that only know some of an operator's forms say so. */
  refuse(what: string): Error {
    return failure('UNSUPPORTED', `No gradient is known for ${nodeLabel(this.node)} with ${what}.`, {
      node: this.node.name,
      operator: this.node.opType,
    });
  }

  /** An output that forward graphs leave out, such as the indices of MaxPool, asked for from now on. */
  demandOutput(i: number): string {
    const { graph } = this.write;
    if ((this.node.output[i] ?? '') === '') {
      const name = graph.fresh(`${this.node.opType}_kept`);
      graph.edit(this.node, (node) => {
        while (node.output.length < i) node.output.push('');
        node.output[i] = name;
      });
    }
    return this.output(i);
  }
}

/** In step with the node's inputs; shorter, or with gaps, where an input has no gradient or nobody wants it. */
export type GradientRule = (asked: Asked) => readonly (string | undefined)[];
export type GradientRules = Readonly<Record<string, GradientRule>>;
