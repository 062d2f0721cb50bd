/** Answers of the gateway itself: a status and one sentence that says what is wrong and where. */
import type { ServerResponse } from 'node:http';

export interface Refusal {
  status: number;
  error: string;
}

/** Part of a request in a message: as much as helps, escaped by JSON. */
export const shown = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text);

export function sendRefusal(response: ServerResponse, { status, error }: Refusal, close = false): void {
  const body = Buffer.from(`${JSON.stringify({ error })}\n`);
  const fields = ['content-type', 'application/json; charset=utf-8', 'content-length', String(body.length)];
  if (close) fields.push('connection', 'close');
  response.writeHead(status, fields);
  response.end(body);
}
