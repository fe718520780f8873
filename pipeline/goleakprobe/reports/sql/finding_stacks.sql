-- An example stack of each of $signatures, leaf first: the newest whose go statement is known, else
-- the newest.
SELECT signature, coalesce(creation_site, '') AS creation_site, frames
FROM stacks
WHERE list_contains($signatures, signature)
QUALIFY row_number() OVER (
  PARTITION BY signature
  ORDER BY coalesce(creation_site, '') <> '' DESC, first_seen_ns DESC, kafka_offset DESC
) = 1
