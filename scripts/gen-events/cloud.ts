import { CALLS, type Call } from "./cloud-calls.ts";
import { createPrincipals } from "./cloud-principals.ts";
import { weighted } from "./weighted.ts";
import type { World } from "./world.ts";

const DENIED = ["AccessDenied", "Client.UnauthorizedOperation", "ThrottlingException", "ResourceNotFoundException"];

/** Calls of a cloud's management and data API, in the shape in which CloudTrail delivers them: 0.8 to 8 KB each. */
export function cloudEvents(world: World): () => string {
  const callers = createPrincipals(world);
  const nextCall = weighted(
    world.random,
    CALLS.map((call) => [call.weight, call] as const),
  );
  return () => {
    const { random } = world;
    const call = nextCall();
    const caller = random.favour(callers);
    const failed = random.chance(0.03);
    const host = `${call.service}.${caller.region}.amazonaws.com`;
    const error = failed
      ? `"errorCode":"${random.favour(DENIED)}","errorMessage":"The request for ${call.name} was refused",`
      : "";
    return (
      `{"eventVersion":"1.11","userIdentity":${caller.identity},"eventTime":"${world.clock.seconds()}","eventSource":"${call.service}.amazonaws.com",` +
      `"eventName":"${call.name}","awsRegion":"${caller.region}","sourceIPAddress":"${caller.address}","userAgent":"${caller.agent}",${error}` +
      `"requestParameters":${call.request(world, caller)},"responseElements":${failed ? "null" : (call.response?.(world, caller) ?? "null")},` +
      `${call.service === "s3" ? transfer(world) : ""}"requestID":"${call.service === "s3" ? random.base32(8) : random.uuid()}","eventID":"${random.uuid()}",` +
      `"readOnly":${call.readOnly},${resource(world, call, caller)}"eventType":"${call.service === "signin" ? "AwsConsoleSignIn" : "AwsApiCall"}",` +
      `"managementEvent":${call.category === "Management"},"recipientAccountId":"${caller.account}","eventCategory":"${call.category}",` +
      `"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"${host}"}}`
    );
  };
}

function transfer(world: World): string {
  const { random } = world;
  return (
    `"additionalEventData":{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":${random.below(90_000)},` +
    `"AuthenticationMethod":"AuthHeader","x-amz-id-2":"${random.base64(37)}+w=","bytesTransferredOut":${random.below(2_000_000)}},`
  );
}

function resource(world: World, call: Call, caller: Parameters<Call["request"]>[1]): string {
  if (call.resource === undefined) return "";
  const [type, arn] = call.resource(world, caller);
  return `"resources":[{"accountId":"${caller.account}","type":"${type}","ARN":"${arn}"}],`;
}
