/** A node's log endpoint, asked as the API server asks it, or as somebody who goes around the API server. */
import { request } from 'node:https';

export interface NodeEndpoint {
  host: string;
  port: number;
  path: string;
}

/** Status and text of the answer. Rejects when there is none. */
export function askNode(endpoint: NodeEndpoint, client: { cert?: string; key?: string } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ ...endpoint, ...client, rejectUnauthorized: false, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
    });
    asked.on('error', reject);
    asked.end();
  });
}
