"""Networks in the parameter layouts of other people's code, to ours and back."""

from limbeck.nets.public.pytorch import Code as Code
from limbeck.nets.public.pytorch import code_of as code_of
from limbeck.nets.public.pytorch import from_pytorch_discriminator as from_pytorch_discriminator
from limbeck.nets.public.pytorch import from_pytorch_generator as from_pytorch_generator
from limbeck.nets.public.pytorch import joined as joined
from limbeck.nets.public.rosinality import (
    from_rosinality_discriminator as from_rosinality_discriminator,
)
from limbeck.nets.public.rosinality import from_rosinality_generator as from_rosinality_generator
from limbeck.nets.public.rosinality import (
    to_rosinality_discriminator as to_rosinality_discriminator,
)
from limbeck.nets.public.rosinality import to_rosinality_generator as to_rosinality_generator
from limbeck.nets.public.tensorflow import (
    from_tensorflow_discriminator as from_tensorflow_discriminator,
)
from limbeck.nets.public.tensorflow import from_tensorflow_generator as from_tensorflow_generator
from limbeck.nets.public.translated import Translated as Translated
