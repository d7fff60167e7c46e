// A small OpenAI-compatible server for tests: every character is a token, and its log-probability is the same
// whatever stands before it. `--slow` never becomes ready.

import { createServer, type Server } from "node:http";
import { pathToFileURL } from "node:url";

/** The likelier, the earlier in the alphabet. */
export function logProbability(character: string): number {
  return -character.codePointAt(0)! / 100;
}

interface Body {
  readonly model: string;
  readonly prompt: readonly string[];
  readonly echo?: boolean;
  readonly stop?: readonly string[];
  readonly max_tokens: number;
}

export interface FakeEndpoint {
  readonly url: string;
  readonly server: Server;
  /** Bodies of the requests so far. */
  readonly requests: Body[];
  /** What later answers leave out. */
  readonly lacks: Set<"top_logprobs" | "choices">;
  /** Answers of the next requests, before the usual one: a status, or `cut` for a closed connection. */
  readonly failures: (number | "cut")[];
}

/** Listens on a port (0: any). */
export async function startEndpoint(port = 0): Promise<FakeEndpoint> {
  const requests: FakeEndpoint["requests"] = [];
  const failures: FakeEndpoint["failures"] = [];
  const lacks: FakeEndpoint["lacks"] = new Set();
  const server = createServer(async (request, response) => {
    if (request.url === "/v1/models") return response.end('{"data": []}');
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const failure = failures.shift();
    if (failure === "cut") return request.socket.destroy();
    if (failure !== undefined) return response.writeHead(failure).end("not now");
    const body = JSON.parse(text) as Body; // what the test's client sends
    requests.push(body);
    if (lacks.has("choices")) return response.end('{"choices": []}');
    if (body.echo !== true) {
      // as a server that does not know stop strings
      return response.end(JSON.stringify({ choices: [{ text: " 42.\nQuestion: and then?" }] }));
    }
    const choices = body.prompt.map((prompt, index) => {
      const characters = [...prompt, "!"];
      const values = characters.map((each, i) => (i === 0 ? null : logProbability(each)));
      const top_logprobs = characters.map((each, i) => (i === 0 ? null : { [each]: values[i] }));
      const text_offset = characters.map((_, i) => i);
      return {
        index,
        text: prompt,
        logprobs: {
          ...{ text_offset, token_logprobs: values },
          top_logprobs: lacks.has("top_logprobs") ? null : top_logprobs,
        },
      };
    });
    return response.end(JSON.stringify({ choices: choices.reverse() }));
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const address = server.address();
  const own = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${own}/v1`, server, requests, failures, lacks };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await startEndpoint(Number(process.argv[2]));
}
