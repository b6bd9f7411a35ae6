// Names that nothing in a graph has yet. graph.ts makes one when the first is asked for: most graphs are only read.
import type { GraphProto } from './proto/onnx_pb.js';
import { forEachNode } from './subgraphs.js';

export class FreshNames {
  private readonly taken = new Set<string>();
  private counter = 0;

  constructor(graph: GraphProto) {
    for (const { name } of [...graph.input, ...graph.initializer]) this.taken.add(name);
    forEachNode(graph, (node) => {
      for (const name of [...node.input, ...node.output]) this.taken.add(name);
    });
  }

  take(name: string): void {
    this.taken.add(name);
  }

  invent(stem: string): string {
    let name: string;
    do name = `${stem}_${this.counter++}`;
    while (this.taken.has(name));
    this.taken.add(name);
    return name;
  }
}
