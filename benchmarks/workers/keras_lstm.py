"""The same network in Keras: sampling by `predict` or by a compiled step, training by `fit`.

Embedding, LSTM, Dropout, LSTM, Dropout, Dense with softmax; the weights are random.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from protocol import Contender, Settings, best_of, serve

PACKAGES = ("tensorflow-cpu", "keras")


def network(
    settings: Settings, batch: int | None, window: int, *, all_events: bool, stateful: bool
):
    """Return the model, built."""
    width = settings["width"]
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(batch, window), dtype="int32"),
            keras.layers.Embedding(settings["events"], settings["inputs"]),
            keras.layers.LSTM(width, return_sequences=True, stateful=stateful),
            keras.layers.Dropout(0.2),
            keras.layers.LSTM(width, return_sequences=all_events, stateful=stateful),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(settings["events"], activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def sample_by_predict(settings: Settings) -> Contender:
    """The recipe that hocket grew from: `predict` on the last events for each event."""
    window = settings["window"]
    model = network(settings, None, window, all_events=False, stateful=False)
    random = np.random.default_rng(1)

    def work() -> float:
        heard = np.zeros((1, window), np.int32)
        for _ in range(settings["predictions"]):
            chances = model.predict(heard, verbose=0)[0].astype(np.float64)
            event = random.choice(len(chances), p=chances / chances.sum())
            heard = np.append(heard[:, 1:], np.array([[event]], np.int32), axis=1)
        return settings["predictions"]

    return Contender(work, {"window": window}, PACKAGES)


def sample_by_step(settings: Settings) -> Contender:
    """One event at a time through a compiled step that keeps the LSTMs' state and draws the event."""
    _threads(1)
    takes, steps = settings["takes"], settings["steps"]
    model = network(settings, takes, 1, all_events=False, stateful=True)

    @tf.function
    def step(events: tf.Tensor) -> tf.Tensor:
        return tf.random.categorical(tf.math.log(model(events, training=False)), 1, tf.int32)

    def work() -> float:
        events = tf.zeros((takes, 1), tf.int32)
        for _ in range(steps):
            events = step(events)
        events.numpy()
        return takes * steps

    return Contender(work, {}, PACKAGES)


def train(settings: Settings) -> Contender:
    """`fit` with the batch that gives most events a second."""
    _threads(settings["threads"])
    window = settings["window"]

    def fitting(batch: int) -> Callable[[], float]:
        model = network(settings, batch, window, all_events=True, stateful=False)
        events = np.random.default_rng(1).integers(settings["events"], size=(4 * batch, window + 1))
        inputs, targets = events[:, :-1].astype(np.int32), events[:, 1:].astype(np.int32)

        def work() -> float:
            model.fit(inputs, targets, batch_size=batch, epochs=1, verbose=0)
            return inputs.size

        return work

    choices = {str(batch): fitting(batch) for batch in settings["batches"]}
    best, rates = best_of(choices, tries=1)
    return Contender(choices[best], {"batch": int(best), "tried": rates}, PACKAGES)


def _threads(count: int) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    serve({"predict": sample_by_predict, "step": sample_by_step, "train": train})
