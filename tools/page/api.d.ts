// Types of requests to the API and of its answers, derived from its OpenAPI document (build/types/api.d.ts).

import type { components, paths } from "../../build/types/api";

type Operation<Method, Path> = `/api${Path & string}` extends infer Full extends keyof paths
  ? Method extends keyof paths[Full]
    ? paths[Full][Method]
    : never
  : never;
type Content<Response> = Response extends { content: { "application/json": infer Json } }
  ? Json
  : Response extends { content: { "text/plain": infer Text } }
    ? Text
    : undefined;
type Body<Op> = Op extends { requestBody?: { content: { "application/json": infer Json } } } ? Json : undefined;
type PathParams<Op> = Op extends { parameters: { path: infer Params } } ? Params : undefined;
type Query<Op> = Op extends { parameters: { query?: infer Params } } ? Params : undefined;

declare global {
  type ApiMethod = "get" | "post" | "patch" | "delete";

  /** A path of the API with its placeholders, such as "/runs/{name}". */
  type ApiPath<Method> = {
    [Full in keyof paths]: Full extends `/api${infer Path}`
      ? paths[Full] extends { [key in Method & string]: object }
        ? Path
        : never
      : never;
  }[keyof paths];

  /** What a request carries: values for the path's placeholders, the query, and the JSON body. */
  interface ApiOptions<Method, Path> {
    params?: PathParams<Operation<Method, Path>>;
    query?: Query<Operation<Method, Path>>;
    body?: Body<Operation<Method, Path>>;
  }

  /** The answer to a successful request. */
  type ApiResponse<Method, Path> =
    Operation<Method, Path> extends { responses: infer Responses }
      ? Content<Responses[keyof Responses & (200 | 201 | 202 | 204)]>
      : never;

  type ApiBody<Method, Path> = Body<Operation<Method, Path>>;

  type SettingSpec = components["schemas"]["SettingField"];
}
