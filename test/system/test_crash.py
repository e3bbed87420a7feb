"""kill -9 of everything at random moments under load: what got a 250 is in a
mailbox or in the queue, whole."""

import random
import time

import pytest

from culver import Culver, wait_for
from test_processes import Load, tags_in

ROUNDS = 30


@pytest.mark.timeout(240)
def test_thirty_deaths(own_dovecot):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    culver = Culver(own_dovecot, in_session_timeout="1s", retry_longest="2s")
    with culver:
        with Load(culver, clients=6) as load:
            for number in range(ROUNDS):
                # One round in three Dovecot's LMTP stands still meanwhile, so
                # that mail goes to the queue.
                frozen = number % 3 == 2
                if frozen:
                    own_dovecot.freeze("lmtp")
                time.sleep(rng.uniform(0.05, 1.6 if frozen else 0.7))
                culver.kill()
                if frozen:
                    own_dovecot.thaw()
                begin = time.monotonic()
                culver.start(timeout=30)
                assert time.monotonic() - begin < 15
        accepted, sent = set(load.accepted), set(load.sent)
        wait_for(lambda: culver.queue_size() == 0, 60, "an empty queue")

        def in_mailbox():
            return tags_in(own_dovecot.messages("alice@example.com"))
        wait_for(lambda: accepted <= set(in_mailbox()), 10,
                 "that all is delivered")
        found = in_mailbox()
        assert set(found) <= sent
        copies = sum(found.values()) - len(found)
        print(f"{len(accepted)} accepted, {len(found)} delivered, "
              f"{copies} second copies")
        assert len(accepted) > ROUNDS * 5, "too little load to mean anything"
        assert copies <= max(len(found) * 0.05, 6 * ROUNDS)
