"""Tables generated_images that another program left: each is carried, or refused with a sentence and its mend."""
