// Whether JetStream refused a conditional write because somebody else wrote first: the one refusal that means "decide anew".
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';

export function isLostRace(error: unknown): boolean {
  // Buckets wrap what JetStream says in failures of ours.
  const said = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (!(said instanceof JetStreamApiError)) return false;
  const { StreamWrongLastSequence, StreamWrongLastSequenceUnknown } = JetStreamApiCodes;
  return said.code === StreamWrongLastSequence || said.code === StreamWrongLastSequenceUnknown;
}
