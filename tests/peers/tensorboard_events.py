"""Makes tests/fixtures/tensorboard_events.hex: a file of two scalars as the tensorboard package (2.x) writes it.

    pip install tensorboard && python tests/peers/tensorboard_events.py
"""
import io
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

EVENTS = [
    Event(wall_time=1.5, file_version="brain.Event:2"),
    Event(wall_time=2.5, step=1, summary=Summary(value=[Summary.Value(tag="loss/train", simple_value=0.75)])),
    Event(wall_time=3.5, step=300, summary=Summary(value=[Summary.Value(tag="loss/train", simple_value=0.25)])),
]


class Unclosed(io.BytesIO):
    def close(self):
        self.data = self.getvalue()


if __name__ == "__main__":
    file = Unclosed()
    writer = RecordWriter(file)
    for event in EVENTS:
        writer.write(event.SerializeToString())
    writer.close()
    path = Path(__file__).parent.parent / "fixtures" / "tensorboard_events.hex"
    path.write_text(file.data.hex() + "\n")
