"""One file per export format.

A format has ``write(model, directory, options)``, which fills the empty ``directory`` from an
:class:`~bert_tf.exporting.exportable.Exportable` and may return facts to show: name to value. It may also have

* ``Options``: the format's flags, such as ``--dtype``;
* ``supports(task)``: why it cannot write this task, or ``None``;
* ``verify(model, directory, options)``: raises if what was written is wrong; may return facts, too;
* ``target(output, options)``: the directory to make, where it is not ``--output`` itself;
* ``SEVERAL_TASKS = True``: it writes several tasks on one backbone into one directory;
* ``BACKBONES = True``: it writes a backbone without a task.
"""

from bert_tf.plugins import Registry

FORMATS = Registry("export format", "bert_tf.exporting.formats", "--format")
