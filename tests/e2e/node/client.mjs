// One scenario of openai-node against a base URL; prints what the client made of it as one line of JSON.
// usage: node client.mjs BASE_URL SCENARIO < ARGUMENTS.json

import { readFileSync } from "node:fs";
import OpenAI from "openai";

const [baseURL, scenario] = process.argv.slice(2);
const request = JSON.parse(readFileSync(0, "utf8"));
const client = new OpenAI({ baseURL, apiKey: "sk-test" });

const scenarios = {
  async create() {
    return await client.chat.completions.create(request);
  },

  async stream() {
    const chunks = [];
    for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) chunks.push(chunk);
    return chunks;
  },

  async accumulate() {
    return await client.chat.completions.stream(request).finalChatCompletion();
  },

  async cancel() {
    const answer = await client.chat.completions.create({ ...request, stream: true });
    for await (const chunk of answer) {
      answer.controller.abort();
      return chunk;
    }
  },

  async failure() {
    try {
      await client.chat.completions.create(request);
    } catch (error) {
      return { kind: error.constructor.name, status: error.status, code: error.code, request: error.requestID };
    }
  },
};

console.log(JSON.stringify(await scenarios[scenario]()));
