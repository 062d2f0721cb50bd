/**
 * The TypeScript client: typed documents over HTTP, streams that resume, artifacts that go on where they were cut.
 * Knows the public API and nothing of the server's code.
 */
import { createFollower, type FollowOptions, type OnConnection } from './follow.ts';
import { type RequestOptions, request, type TypedDocument } from './request.ts';
import { type Uploaded, type UploadOptions, uploadArtifact } from './upload.ts';

export { CLIENT_CODES, ClopsFault } from './fault.ts';
export type { TypedDocument } from './request.ts';
export type { UploadProgress } from './upload.ts';

export interface ClopsClientOptions {
  /** Base URL of the API: `http://127.0.0.1:4000`. */
  url: string;
  /** Of an account, `clops_…`. Without it only `serverInfo` answers. */
  token?: string | undefined;
  /** Told when the connection of the streams is lost (false) and when it stands (true). */
  onConnection?: OnConnection;
}

export interface ClopsClient {
  readonly url: string;
  /**
   * One answer. What fails for a reason that passes is repeated. A mutation is repeated only with an idempotency key, so
   * that it has one effect: a document of one field whose `input` is a variable is given a key when it has none; one
   * with an inline input and no key, or of several fields, is sent once. @throws ClopsFault
   */
  request<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    options?: RequestOptions,
  ): Promise<Result>;
  /**
   * The messages of a subscription, across lost connections. Where none ever stood it gives up after six tries. The iterator
   * throws ClopsFault.
   */
  follow<Result, Variables extends object>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    options?: FollowOptions,
  ): AsyncIterableIterator<Result>;
  /** Sends a file unless the store has it. @throws ClopsFault */
  uploadArtifact(file: string, options?: UploadOptions): Promise<Uploaded>;
  /** Ends the streams and their connection. */
  close(): Promise<void>;
}

export function createClopsClient({ url, token, onConnection }: ClopsClientOptions): ClopsClient {
  const connection = { url: url.replace(/\/+$/, ''), token };
  const follower = createFollower(connection, onConnection);
  return {
    url: connection.url,
    request: (document, variables, options) => request(connection, document, variables, options),
    follow: follower.follow,
    uploadArtifact: (file, options) => uploadArtifact(connection, file, options),
    close: follower.close,
  };
}
