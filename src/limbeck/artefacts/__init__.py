"""What lies in a run's folder: every file of it is read and written here, each by one function.

Imports name the file (`limbeck.artefacts.run`), for some of them need PyTorch and some do not.

* `folders`, `lock`: whose a folder is, who is writing, what becomes of what is there. Nothing of a
  person's is ever removed, and no work of more than a minute.
* `run`: run.json, and which stages are done.
* `snapshots`, `transfers`: networks and states of a training, and what it began with.
* `scores`, `keep`, `modes`, `labels`: one kind of file each.
* `contents`: all of it at once, for the report.
"""
