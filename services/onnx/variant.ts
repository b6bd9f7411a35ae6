// A message like another with some fields replaced. The generated `create` gives back a spread message as it is, without
// the prototype that holds its defaults; this keeps prototype and unknown fields. Other lists are shared, not copied.
import type { Message } from '@bufbuild/protobuf';

export function variant<M extends Message>(message: M, changes: Partial<Omit<M, '$typeName'>>): M {
  return Object.assign(Object.create(Object.getPrototypeOf(message) as object) as M, message, changes);
}
