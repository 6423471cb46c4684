/** The version of this program, as it stands in manifests. A test holds it equal to package.json. */
export const VERSION = "0.1.0";
