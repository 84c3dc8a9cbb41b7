"""Pack a folder as a ``.tar.gz`` that depends on its content alone."""

import gzip
import io
import tarfile
from datetime import datetime
from pathlib import Path


def pack(root: Path, name: str, moment: datetime) -> bytes:
    """Return the tarball of `root`, named `name` inside; every member is dated `moment`."""
    time = int(moment.timestamp())
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in [root, *sorted(root.rglob("*"))]:
            info = tarfile.TarInfo("/".join((name, *path.relative_to(root).parts)))
            info.mtime = time
            info.uname = info.gname = "mobile"
            info.uid = info.gid = 501
            if path.is_dir():
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            else:
                data = path.read_bytes()
                info.size, info.mode = len(data), 0o644
                tar.addfile(info, io.BytesIO(data))
    return gzip.compress(plain.getvalue(), 9, mtime=time)
