import { storeContract } from "./store-contract.ts";
import { newBucket } from "../store/ceph-bucket.ts";

// Each run of a property costs some twenty requests.
storeContract("S3 (Ceph)", async () => ({ store: (await newBucket()).open(), cleanup: async () => undefined }), { runs: 8 });

storeContract(
  "S3 (Ceph), below a prefix, in a bucket with a default lock, every PUT read back",
  async () => ({
    store: (await newBucket({ defaultDays: 1 })).open({ prefix: "some/where", checksum: "sha256" }),
    cleanup: async () => undefined,
  }),
  { runs: 4 },
);
