// How many servers an offered load needs, from queueing theory. The replica policy asks.

/**
 * The share of arrivals that have to wait when `servers` serve `erlangs` of offered load (arrivals a second x seconds of service).
 * Erlang's C formula, by the stable recursion over his B formula (A. K. Erlang, 1917; Cooper, Introduction to Queueing Theory, 1981).
 */
export function waitingShare(servers: number, erlangs: number): number {
  if (erlangs >= servers) return 1;
  let blocked = 1;
  for (let k = 1; k <= servers; k++) blocked = (erlangs * blocked) / (k + erlangs * blocked);
  const utilisation = erlangs / servers;
  return blocked / (1 - utilisation * (1 - blocked));
}

/**
 * The share of requests that wait longer than `slowdown - 1` times their own service, of which `cv` is the coefficient of variation.
 * Waits of those who wait are exponential with mean (1 + cv^2) / 2 / (servers - erlangs) services (Allen and Cunneen); over
 * gamma-distributed services the share is that distribution's Laplace transform.
 */
export function slowShare(servers: number, erlangs: number, cv: number, slowdown: number): number {
  if (servers <= erlangs) return 1;
  const square = Math.max(cv * cv, 0.01);
  const rate = ((servers - erlangs) * (slowdown - 1)) / ((1 + square) / 2);
  return waitingShare(servers, erlangs) * (1 + rate * square) ** (-1 / square);
}

/** The fewest servers with which no more than `share` of the requests are slow. */
export function serversFor(erlangs: number, cv: number, slowdown: number, share: number): number {
  let servers = Math.max(1, Math.floor(erlangs) + 1);
  while (slowShare(servers, erlangs, cv, slowdown) > share) servers++;
  return servers;
}

/**
 * A queue so long that only one in `arrivals` Poisson arrivals meets a longer one: with all servers busy the queue's length is
 * geometric with the utilisation as its ratio (exact for exponential services). At least 3.
 */
export function queueExceeded(servers: number, erlangs: number, arrivals: number): number {
  if (erlangs >= servers) return Infinity;
  const longer = Math.log(Math.max(1, arrivals * waitingShare(servers, erlangs)));
  return Math.max(3, longer / Math.log(servers / Math.max(erlangs, 1e-9)));
}
