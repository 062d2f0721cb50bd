/** A fault with a public code: ends the request with a top-level error. Domain code knows no GraphQL error class. */
export class Fault extends Error {
  readonly code: string;
  constructor(
    code: 'FORBIDDEN' | 'UNAUTHENTICATED' | 'BAD_USER_INPUT' | 'NOT_FOUND',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'Fault';
    this.code = code;
  }
}
