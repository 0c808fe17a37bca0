"""Features of a file of captions, a folder of images or a list of texts, on disk.

    embeddings/
      image-00000.safetensors      image_features (rows, D), keys (rows, 32): each distinct image
      text-00000.safetensors       text_features: each distinct caption
      negative-00000.safetensors   negative_features: each distinct negative caption
      records-00000.safetensors    which rows belong to the same record:
                                   image_row (R,), text_row (R,), and record r's negatives,
                                   negative_row[negative_offsets[r] : negative_offsets[r + 1]],
                                   with their negative_kind
      perturbed-00000.safetensors  image_negative_features, a row per entry of negative_row
      index.json                   model, counts, files; id and SHA-256 of every row, in row order

Row numbers count through the shards of a tensor; -1 stands for what a record does not have.
`sources` reads the input, `distinct_items` finds what is distinct, `shards` computes, `layout`
knows the files, `run` is the workflow.
"""
