/** One structured logger for every role: JSON lines through pino, secrets redacted by path. */
import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

export interface LogOptions {
  role: string;
  level: string;
  /** One that does not fail: pino's own, stdout, ends the process on a full disk. */
  destination: DestinationStream;
}

export function createLog({ role, level, destination }: LogOptions): Log {
  const options = {
    level,
    base: { role },
    timestamp: pino.stdTimeFunctions.isoTime,
    // pino knows `err` only: of an `error` it wrote {}, and an answer had said that the log says why.
    serializers: { error: pino.stdSerializers.err },
    redact: {
      paths: ['authorization', '*.authorization', 'token', '*.token', 'secret', '*.secret'],
      censor: '[redacted]',
    },
  };
  return pino(options, destination);
}

/** For tests and for code that is handed no log. */
export const silentLog: Log = pino({ level: 'silent' });
