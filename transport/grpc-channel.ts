/** The calling side of the gRPC services. */
import { type ChannelCredentials, Client, credentials as plain, type ServiceError } from '@grpc/grpc-js';
import { limits } from '../protocol/limits.ts';
import { definitionOf, type Parsed } from './grpc.ts';
import type { Method, RequestOf, ResponseOf, Service } from './grpc-api.ts';
import { fromServiceError } from './grpc-errors.ts';

/** One function for each method. @throws ChainError as the server said it, or for what happened on the way. */
export type Calls<Methods> = {
  readonly [M in keyof Methods]: (
    request: RequestOf<Methods[M]>,
    options: { readonly deadlineMs: number },
  ) => Promise<ResponseOf<Methods[M]>>;
};

export interface Channel<Methods> {
  readonly call: Calls<Methods>;
  close(): void;
}

/** Opens a channel to `host:port`; it connects at the first call, and again when it has to. */
export function openChannel<Methods>(
  address: string,
  service: Service<Methods>,
  credentials: ChannelCredentials = plain.createInsecure(),
): Channel<Methods> {
  const client = new Client(address, credentials, {
    'grpc.max_receive_message_length': limits.frameBytes,
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 1000,
    // A write is repeated under its request number by its caller, or not at all.
    'grpc.enable_retries': 0,
  });
  const definition = definitionOf(service);
  const call: Record<string, unknown> = {};
  for (const [key, { name }] of Object.entries(service.methods as Record<string, Method<unknown, unknown>>)) {
    const method = definition[name];
    if (method === undefined) continue;
    call[key] = (request: unknown, { deadlineMs }: { readonly deadlineMs: number }) =>
      new Promise((resolve, reject) => {
        const done = (error: ServiceError | null, response?: Parsed<unknown>): void => {
          if (error !== null) reject(fromServiceError(error));
          else if (response !== undefined && 'value' in response) resolve(response.value);
          else reject(response?.refusal);
        };
        const options = { deadline: Date.now() + deadlineMs };
        client.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          options,
          done,
        );
      });
  }
  return { call: call as Calls<Methods>, close: () => client.close() };
}
