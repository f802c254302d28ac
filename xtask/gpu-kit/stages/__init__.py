"""The stages, in order of worth: what proves comes before what measures."""

from stages import compiled, evaluate, inmerge, memory, right, step, table

STAGES = [right.STAGE, step.STAGE, evaluate.STAGE, inmerge.STAGE, table.STAGE, memory.STAGE, compiled.STAGE]
