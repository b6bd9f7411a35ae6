// A request on its way through a pipeline: one flight for each step, all counted from the start, so that nobody else is promised
// the same capacity, and each timed from when its turn came. Whoever watches it sees one trip, and trouble is the trouble of the
// step that has it at the moment. Engines say when they have passed it on.
import assert from 'node:assert';
import { type Failure, inStep } from '../../../contracts/errors.js';
import type { PipelineRecord } from '../../../contracts/pipeline.js';
import { itineraryLines, planText, stepToken } from './itinerary.js';
import type { Flight, FlightEnd, ReplicaEntry, Trip } from './replica-entry.js';
import type { StepChoices } from './route.js';

export class Journey implements Trip {
  private at = 0;

  /** Undefined flights: the id of the first replica whose breaker lets none through; then nothing has begun. */
  static begin(
    choices: StepChoices,
    begin: (replica: string, step: number) => Flight | undefined,
  ): Journey | { readonly blocked: string } {
    const flights: Flight[] = [];
    for (const [step, replica] of choices.hops.entries()) {
      const flight = begin(replica, step);
      if (!flight) {
        for (const begun of flights) begun.end('abandoned', begun.startedMs);
        return { blocked: replica };
      }
      flights.push(flight);
    }
    return new Journey(choices, flights);
  }

  private constructor(
    readonly choices: StepChoices,
    private readonly flights: readonly Flight[],
  ) {
    // Nobody works at the steps to come, so no time is counted there.
    for (const flight of flights.slice(1)) flight.startedMs = Number.POSITIVE_INFINITY;
  }

  /** Who has it now. */
  get replica(): ReplicaEntry {
    return this.current.replica;
  }

  get link(): number {
    return this.current.link;
  }

  /** When its present step began. */
  get startedMs(): number {
    return this.current.startedMs;
  }

  get over(): boolean {
    return this.current.over;
  }

  /** The number of its present step. */
  get step(): number {
    return this.at;
  }

  /** The endpoint of each step and the replica that had it; `by` gave the answer. */
  seats(by: string): [endpoint: string, replica: string][] {
    const { hops, pipeline } = this.choices;
    return pipeline.steps.map(({ endpoint }, i) => [endpoint, i === this.at ? by : (hops[i] ?? by)]);
  }

  get pipeline(): PipelineRecord {
    return this.choices.pipeline;
  }

  /** A failure as the caller should see it: with the step that has the request now. */
  named(error: Failure): Failure {
    return inStep(error, this.pipeline.steps[this.at]?.name ?? '');
  }

  /** Whether trouble at this step is ours now. A step to come has nothing to lose yet, one that is done has no say. */
  isAt(step: number): boolean {
    return step === this.at;
  }

  /** Its replica says that it is done. Late or strange words change nothing. */
  passed(step: number, next: number, nowMs: number): void {
    if (this.over || step !== this.at || !(next > step && next < this.flights.length)) return;
    this.current.end('succeeded', nowMs);
    this.at = next;
    this.current.startedMs = nowMs;
  }

  /** Word of the end came from this step, which may be further than we heard of. */
  reached(step: number, nowMs: number): void {
    if (step > this.at) this.passed(this.at, step, nowMs);
  }

  end(end: FlightEnd, nowMs: number, retryAfterMs?: number): void {
    this.current.end(end, nowMs, retryAfterMs);
    // Steps that were left out, or that nobody came to.
    for (const flight of this.flights) if (!flight.over) flight.end('abandoned', nowMs);
  }

  private get current(): Flight {
    const flight = this.flights[this.at];
    assert(flight, 'a journey has a flight for each of its steps');
    return flight;
  }
}

/** Trouble in words that name the step, where there is one. */
export const named = (trip: Trip, error: Failure): Failure =>
  trip instanceof Journey ? trip.named(error) : error;

/** The header lines for the first step of a journey; nothing for a plain flight. */
export function linesOf(trip: Trip): string {
  if (!(trip instanceof Journey)) return '';
  const { pipeline, hops } = trip.choices;
  return itineraryLines(planText(pipeline), hops.join(' '), 0);
}

/** Where answers come from whoever has it now. */
export const tokenOf = (trip: Trip, token: string): string =>
  trip instanceof Journey ? stepToken(token, trip.step) : token;
