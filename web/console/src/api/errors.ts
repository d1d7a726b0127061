/** A refusal or failure of a request: the server's code with its parameters, or why there was no answer. */
export class ApiError extends Error {
  constructor(
    /** HTTP status; 0: the station could not be reached. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly params: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export const UNREACHABLE = "unreachable";

/** Read the body of a refusal: `{code, params, message}`. */
export function refusalOf(status: number, body: unknown): ApiError {
  const told = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const params = typeof told.params === "object" && told.params !== null ? (told.params as Record<string, unknown>) : {};
  const code = text(told.code);
  return new ApiError(status, code, text(told.message) || `HTTP ${status}`, params);
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
