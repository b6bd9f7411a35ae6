// Who makes and who uses each value, kept up to date edit by edit. graph.ts owns one; nothing else should.
import type { NodeProto } from './proto/onnx_pb.js';
import { usedNames } from './subgraphs.js';

const NOBODY: ReadonlySet<NodeProto> = new Set();

export class GraphIndex {
  private readonly makers = new Map<string, NodeProto>();
  private readonly users = new Map<string, Set<NodeProto>>();

  constructor(nodes: readonly NodeProto[]) {
    for (const node of nodes) this.add(node);
  }

  maker(name: string): NodeProto | undefined {
    return this.makers.get(name);
  }

  usersOf(name: string): ReadonlySet<NodeProto> {
    return this.users.get(name) ?? NOBODY;
  }

  add(node: NodeProto): void {
    for (const name of node.output) if (name !== '') this.makers.set(name, node);
    for (const name of usedNames(node)) {
      const users = this.users.get(name);
      if (users === undefined) this.users.set(name, new Set([node]));
      else users.add(node);
    }
  }

  /** Must see the node as it was added: take it out, edit, add it again. */
  remove(node: NodeProto): void {
    for (const name of node.output) if (this.makers.get(name) === node) this.makers.delete(name);
    for (const name of usedNames(node)) this.users.get(name)?.delete(node);
  }
}
