import sys
import threading
import time
import types

import pytest

from matrixscan.environment import uv as module


@pytest.fixture(autouse=True)
def fresh():
    module._uv.cache_clear()
    yield
    module._uv.cache_clear()


def test_threads_do_not_search_at_once(monkeypatch):
    searching, most = [], []

    def find():
        searching.append(1)
        most.append(len(searching))
        time.sleep(0.05)
        searching.pop()
        return "/somewhere/uv"

    monkeypatch.setitem(sys.modules, "uv", types.SimpleNamespace(find_uv_bin=find))
    found = []
    threads = [threading.Thread(target=lambda: found.append(module.uv())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["/somewhere/uv"] * 4
    assert most == [1]
