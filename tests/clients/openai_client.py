"""The unmodified openai package for Python against a running medlock.

Environment: BASE_URL, API_KEY, CA (PEM file), MODEL. Exits non-zero at the first surprise.
"""

import json
import os
import ssl

import openai

MODEL = os.environ["MODEL"]
NOTE = (
    "Patient: Maria Gonzalez, MRN 48213377, phone (415) 555-0132, seen on 03/14/2024 "
    "by Dr. Alan Whitfield. Reply with one short sentence."
)


def client(key=None):
    return openai.OpenAI(
        base_url=os.environ["BASE_URL"] + "/v1",
        api_key=key or os.environ["API_KEY"],
        http_client=openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=os.environ["CA"])),
        timeout=120,
    )


def ask(c, **extra):
    args = dict(model=MODEL, messages=[{"role": "user", "content": NOTE}], max_tokens=24, temperature=0, seed=7)
    args.update(extra)
    return c.chat.completions.create(**args)


def expect(error, f):
    try:
        f()
    except error as e:
        return e
    raise AssertionError(f"expected {error.__name__}")


c = client()

answer = ask(c)
assert answer.object == "chat.completion" and answer.model == MODEL, answer
assert answer.choices[0].message.role == "assistant" and answer.choices[0].message.content
assert answer.choices[0].finish_reason in ("stop", "length")
assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
assert answer._request_id.startswith("req_"), answer._request_id
print("ok  chat")

stream = ask(c, stream=True, stream_options={"include_usage": True})
chunks = list(stream)
assert len({x.id for x in chunks}) == 1, "one id for all chunks"
assert chunks[0].choices[0].delta.role == "assistant"
assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == answer.usage.total_tokens
assert chunks[-2].choices[0].finish_reason == answer.choices[0].finish_reason
text = "".join(x.choices[0].delta.content or "" for x in chunks if x.choices)
assert text == answer.choices[0].message.content, (text, answer.choices[0].message.content)
print("ok  stream, same text as unstreamed")

two = ask(c, n=2, temperature=0.8, max_tokens=None, max_completion_tokens=8)
assert [x.index for x in two.choices] == [0, 1] and two.usage.completion_tokens <= 16
print("ok  n")

again = [ask(c, temperature=0.9, seed=11).choices[0].message.content for _ in range(2)]
assert again[0] == again[1], again
print("ok  seed")

parts = [{"type": "text", "text": "Say hello"}, {"type": "text", "text": " twice."}]
assert ask(c, messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}], stop=["\n"])
print("ok  parts, system, stop")

raw = c.chat.completions.with_raw_response.create(
    model=MODEL, messages=[{"role": "user", "content": NOTE}], max_tokens=4
)
assert raw.headers["cache-control"] == "no-store" and raw.headers["x-medlock-audit"]
assert "NAME" in raw.headers["x-medlock-findings"], raw.headers["x-medlock-findings"]
print("ok  headers")

schema = {
    "type": "object", "additionalProperties": False, "required": ["urgency", "reasons"],
    "properties": {
        "urgency": {"type": "string", "enum": ["low", "high"]},
        "reasons": {"type": "array", "items": {"$ref": "#/$defs/reason"}, "maxItems": 2},
    },
    "$defs": {"reason": {"type": "string", "maxLength": 30}},
}
wanted = {"type": "json_schema", "json_schema": {"name": "triage", "strict": True, "schema": schema}}
held = ask(c, max_tokens=200, response_format=wanted)
value = json.loads(held.choices[0].message.content)
assert held.choices[0].finish_reason == "stop" and set(value) == {"urgency", "reasons"}, held
assert value["urgency"] in ("low", "high") and all(len(r) <= 30 for r in value["reasons"]), value
chunks = ask(c, max_tokens=200, response_format=wanted, stream=True)
assert json.loads("".join(x.choices[0].delta.content or "" for x in chunks)) == value
schema["properties"]["urgency"] = {"not": {"type": "null"}}
e = expect(openai.BadRequestError, lambda: ask(c, response_format=wanted))
assert e.code == "unsupported_value" and e.param == "response_format", (e.code, e.param, str(e))
print("ok  JSON of a schema")

weather = {"type": "function", "function": {"name": "look_up_ward", "description": "Where a ward is", "parameters": {
    "type": "object", "required": ["ward"], "properties": {"ward": {"type": "string", "maxLength": 20}}}}}
called = ask(c, tools=[weather], tool_choice="required", max_tokens=200)
choice = called.choices[0]
assert choice.finish_reason == "tool_calls" and choice.message.tool_calls[0].function.name == "look_up_ward", called
assert "ward" in json.loads(choice.message.tool_calls[0].function.arguments), called
history = [{"role": "user", "content": NOTE}, choice.message.model_dump(exclude_none=True),
           {"role": "tool", "tool_call_id": choice.message.tool_calls[0].id, "content": "third floor"}]
assert ask(c, tools=[weather], messages=history).choices[0].message, "the call and its result are part of the conversation"
deltas = [x.choices[0].delta for x in ask(c, tools=[weather], tool_choice="required", max_tokens=200, stream=True)]
arguments = "".join(t.function.arguments or "" for d in deltas for t in d.tool_calls or [])
assert json.loads(arguments) == json.loads(choice.message.tool_calls[0].function.arguments), arguments
e = expect(openai.BadRequestError, lambda: ask(c, tool_choice="required"))
assert e.param == "tool_choice", (e.param, str(e))
print("ok  tools")

assert ask(c, logit_bias={"0": -100}).choices[0].message.content == answer.choices[0].message.content
e = expect(openai.BadRequestError, lambda: ask(c, logit_bias={"4000000": 1}))
assert e.param == "logit_bias", e.param
print("ok  logit_bias")

listed = list(c.models.list())
models = [m.id for m in listed]
assert len(listed[0].medlock["sha256"]) == 64 and "often wrong" in listed[0].medlock["note"], listed
assert MODEL in models and c.models.retrieve(MODEL).id == MODEL
print("ok  models")

e = expect(openai.AuthenticationError, lambda: ask(client("sk-medlock-nobody")))
assert e.code == "invalid_api_key", e.code
e = expect(openai.NotFoundError, lambda: ask(c, model="no-such-model"))
assert e.code == "model_not_found" and e.param == "model", (e.code, e.param)
e = expect(openai.BadRequestError, lambda: ask(c, extra_body={"surprise": 1}))
assert e.code == "unsupported_field" and e.param == "surprise", (e.code, e.param)
e = expect(openai.BadRequestError, lambda: ask(c, temperature=9))
assert e.param == "temperature", e.param
e = expect(openai.BadRequestError, lambda: ask(c, messages=[{"role": "user", "content": "word " * 30000}]))
assert e.code == "context_length_exceeded", e.code
print("ok  errors")

with ask(c, stream=True, max_tokens=400) as s:
    next(iter(s))
print("ok  hang-up")
