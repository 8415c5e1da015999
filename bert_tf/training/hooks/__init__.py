"""One file per hook: ``Options``, and ``hook(options)``, a :class:`bert_tf.training.hook.Hook`."""

from bert_tf.plugins import Registry

HOOKS = Registry("hook", "bert_tf.training.hooks", "--hooks")
