"""OASIS's medallion with its memory backend, on the threaded server of werkzeug; run by `bench.taxii`.

python -m bench.peer_medallion PORT - OBJECTS
"""

import base64
import json
import sys
from pathlib import Path

import medallion
from medallion.backends.memory_backend import MemoryBackend
from werkzeug.serving import make_server

from bench.taxii_serve import NOW, released
from haechi.exchange.taxii import media, times
from haechi.formats import stixout

COLLECTION = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"


def main(port: int, objects: int) -> None:
    """Serve until ended."""
    rows = list(released(objects))
    app = medallion.application_instance
    app.users_backend = {"user": "secret"}
    app.taxii_config = {"max_page_size": 100}
    app.medallion_backend = MemoryBackend(check_interval=3600, session_timeout=3600)
    described = {"id": COLLECTION, "title": "t", "can_read": True, "can_write": False, "media_types": [media.STIX]}
    described["objects"] = [json.loads(one.body) for one in rows]
    described["manifest"] = [
        {
            "id": one.object_id,
            "date_added": times.added(NOW + n),
            "version": stixout.time(one.version),
            "media_type": media.STIX,
        }
        for n, one in enumerate(rows)
    ]
    information = {"title": "t", "versions": [media.TAXII], "max_content_length": 1 << 20}
    app.medallion_backend.data = {"haechi": {"information": information, "status": [], "collections": [described]}}
    medallion.register_blueprints(app)
    login = base64.b64encode(b"user:secret").decode()
    server = make_server("127.0.0.1", port, app, threaded=True)
    server.RequestHandlerClass.log_request = lambda *_: None  # type: ignore[method-assign]
    print(json.dumps({"authorization": f"Basic {login}", "collection": COLLECTION}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(Path(sys.argv[3]).name))
