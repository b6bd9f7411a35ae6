// Names end up in logs, terminals, subjects and pages: those that people will read have no control characters, nothing that
// turns the direction of writing, and an end. Used by scan.ts.
import type { ModelProto } from '../proto/onnx_pb.js';
import { refusal } from '../refusal.js';

const NAME_CHARS_MAX = 256;
/** C0 and C1 controls, DEL, and marks that turn the direction of writing (CVE-2021-42574). */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const HOSTILE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Inputs and outputs, which callers see; inner names are only ever shown clipped and as JSON. */
export function checkText({ graph, producerName, domain }: ModelProto): void {
  const read = [...(graph?.input ?? []), ...(graph?.output ?? [])].map(({ name }) => name);
  for (const name of [...read, producerName, domain]) {
    if (HOSTILE.test(name))
      throw refusal(`The name ${JSON.stringify(name.slice(0, 40))} has characters that no name has.`);
    if (name.length > NAME_CHARS_MAX)
      throw refusal(`A name of the model has ${name.length} characters; ${NAME_CHARS_MAX} are enough.`);
  }
}
