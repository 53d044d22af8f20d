import pytest

from monitoring import broker
from monitoring.models import Task
from monitoring.recorder import Recorder


@pytest.mark.django_db(transaction=True)
def test_it_records() -> None:
    broker.enqueue("tests.jobs.echo", args=[1])
    r = Recorder()
    r.start()
    assert r.drain() == 1
    assert Task.objects.count() == 1
