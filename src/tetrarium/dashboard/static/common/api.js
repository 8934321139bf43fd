// The REST interface: JSON in, JSON out, and errors that carry the server's one line.

const PATIENCE_MS = 15_000;

/** What went wrong, in words for people; `field` names the setting at fault, where there is one. */
export class ApiError extends Error {
  constructor(message, status = 0, field = null) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

/** Asks the server; `body` goes as JSON. Returns the JSON or text of the answer, or throws an ApiError. */
export async function request(method, path, body) {
  let response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch {
    throw new ApiError("The server does not answer. If it was stopped, start it again with: tetrarium serve");
  }
  const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
  const answer = isJson ? await response.json().catch(() => null) : await response.text();
  if (!response.ok) {
    const message = answer?.error ?? `The server answered ${response.status} to ${method} ${path}.`;
    throw new ApiError(message, response.status, answer?.field ?? null);
  }
  return answer;
}

/** A name as part of a path. */
export const part = encodeURIComponent;
