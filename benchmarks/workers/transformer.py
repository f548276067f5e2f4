"""A GPT-2 style transformer of the LSTM's size that writes MidiTok's REMI tokens, with a KV cache.

The loop is a bare one, which is faster than `generate`; the attention looks back at up to
`settings["context"]` tokens, and each unit of work begins anew.
"""

from __future__ import annotations

import miditok
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from protocol import Contender, Settings, serve


def sample(settings: Settings) -> Contender:
    """Write `settings["context"]` tokens for each take on one thread."""
    torch.set_num_threads(1)
    takes, context = settings["takes"], settings["context"]
    tokens = miditok.REMI()
    config = GPT2Config(
        vocab_size=len(tokens),
        n_positions=context,
        n_embd=settings["embedding"],
        n_layer=settings["layers"],
        n_head=settings["heads"],
    )
    model = GPT2LMHeadModel(config).eval()

    def work() -> float:
        with torch.inference_mode():
            events = torch.full((takes, 1), tokens["BOS_None"])
            cache = None
            for _ in range(context):
                said = model(events, past_key_values=cache, use_cache=True)
                cache = said.past_key_values
                events = torch.multinomial(torch.softmax(said.logits[:, -1], dim=-1), 1)
        return takes * context

    weights = sum(p.numel() for p in model.parameters())
    return Contender(
        work,
        {"weights": weights, "vocabulary": len(tokens)},
        ("torch", "transformers", "miditok"),
    )


if __name__ == "__main__":
    torch.manual_seed(1)
    serve({"sample": sample})
