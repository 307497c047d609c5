// The unmodified openai package for Node against a running medlock.
// Environment: BASE_URL, API_KEY, MODEL, and NODE_EXTRA_CA_CERTS for the CA.
import assert from "node:assert/strict";
import OpenAI from "openai";

const { BASE_URL, API_KEY, MODEL } = process.env;
const client = new OpenAI({ baseURL: `${BASE_URL}/v1`, apiKey: API_KEY, timeout: 120_000 });
const content =
  "Patient: Maria Gonzalez, MRN 48213377, phone (415) 555-0132. Reply with one short sentence.";
const base = { model: MODEL, messages: [{ role: "user", content }], max_tokens: 24, temperature: 0, seed: 7 };

const answer = await client.chat.completions.create(base);
assert.equal(answer.object, "chat.completion");
assert.ok(answer.choices[0].message.content);
assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
assert.match(answer._request_id, /^req_/);
console.log("ok  chat");

const stream = await client.chat.completions.create({
  ...base,
  stream: true,
  stream_options: { include_usage: true },
});
let text = "";
let last;
for await (const chunk of stream) {
  text += chunk.choices[0]?.delta?.content ?? "";
  last = chunk;
}
assert.equal(text, answer.choices[0].message.content);
assert.deepEqual(last.choices, []);
assert.equal(last.usage.total_tokens, answer.usage.total_tokens);
console.log("ok  stream");

const helper = client.chat.completions.stream(base);
assert.equal((await helper.finalChatCompletion()).choices[0].message.content, text);
console.log("ok  stream helper");

const triage = {
  type: "object", additionalProperties: false, required: ["urgency"], properties: { urgency: { enum: ["low", "high"] } },
};
const json_schema = { name: "triage", strict: true, schema: triage };
const held = await client.chat.completions.parse({
  ...base, max_tokens: 100, response_format: { type: "json_schema", json_schema },
});
assert.ok(["low", "high"].includes(JSON.parse(held.choices[0].message.content).urgency));
console.log("ok  JSON of a schema");

const look = { name: "look_up_ward", parameters: { type: "object", properties: {}, additionalProperties: false } };
const called = await client.chat.completions
  .stream({ ...base, max_tokens: 100, tools: [{ type: "function", function: look }], tool_choice: "required" })
  .finalChatCompletion();
assert.equal(called.choices[0].finish_reason, "tool_calls");
assert.deepEqual(called.choices[0].message.tool_calls[0].function, { name: "look_up_ward", arguments: "{}" });
console.log("ok  tools, in a stream");

const ids = [];
for await (const m of client.models.list()) ids.push(m.id);
assert.ok(ids.includes(MODEL));
console.log("ok  models");

const fails = async (type, code, f) => {
  await assert.rejects(f, (e) => {
    assert.ok(e instanceof type, `${e.name}: ${e.message}`);
    assert.equal(e.code, code);
    return true;
  });
};
const nobody = new OpenAI({ baseURL: `${BASE_URL}/v1`, apiKey: "sk-medlock-nobody" });
await fails(OpenAI.AuthenticationError, "invalid_api_key", () => nobody.chat.completions.create(base));
await fails(OpenAI.NotFoundError, "model_not_found", () =>
  client.chat.completions.create({ ...base, model: "no-such-model" }),
);
await fails(OpenAI.BadRequestError, "unsupported_field", () =>
  client.chat.completions.create({ ...base, surprise: 1 }),
);
console.log("ok  errors");

const abort = await client.chat.completions.create({ ...base, stream: true, max_tokens: 400 });
for await (const _ of abort) break;
console.log("ok  hang-up");
