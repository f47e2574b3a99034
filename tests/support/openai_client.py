"""PyPI's openai against a gateway: one JSON line with what it saw. Run: python tests/support/openai_client.py BASE_URL MODEL"""

import json
import sys

from openai import NotFoundError, OpenAI

client = OpenAI(base_url=sys.argv[1], api_key="unused", max_retries=0)
model = sys.argv[2]
messages = [{"role": "user", "content": "Name a city."}]
schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
tools = [{"type": "function", "function": {"name": "find", "parameters": schema}}]
seen = {}

raw = client.chat.completions.with_raw_response.create(model=model, messages=messages, extra_headers={"x-ratchet-interaction": "py-chat"})
whole = raw.parse()
seen["chat"] = [whole.model, whole.choices[0].message.content, whole.usage.total_tokens, raw.headers["x-ratchet-generation"]]

chunks = list(client.chat.completions.create(model=model, messages=messages, stream=True, stream_options={"include_usage": True}, extra_headers={"x-ratchet-interaction": "py-stream"}))
seen["stream"] = ["".join(c.choices[0].delta.content or "" for c in chunks if c.choices), chunks[-1].usage.total_tokens]

quiet = list(client.chat.completions.create(model=model, messages=messages, stream=True, extra_headers={"x-ratchet-interaction": "py-quiet"}))
seen["usage_unasked"] = [c.usage for c in quiet if c.usage is not None]

seen["completion"] = client.completions.create(model=model, prompt="Once", extra_headers={"x-ratchet-interaction": "py-text"}).choices[0].text
seen["completion_stream"] = "".join(c.choices[0].text for c in client.completions.create(model=model, prompt="Once", stream=True, extra_headers={"x-ratchet-interaction": "py-text-stream"}) if c.choices)

client.chat.completions.create(model=model, messages=messages, tools=tools, extra_headers={"x-ratchet-interaction": "py-tools"})
client.chat.completions.create(model=model, messages=messages, response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema}}, extra_body={"guided_decoding_backend": "auto"}, extra_headers={"x-ratchet-interaction": "py-schema"})

try:
    client.chat.completions.create(model="nope", messages=messages)
except NotFoundError as error:
    seen["unknown"] = error.code
seen["models"] = [m.id for m in client.models.list()]
print(json.dumps(seen))
