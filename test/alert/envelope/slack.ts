import { z } from "zod";

/** What Slack takes of an incoming webhook, with its limits, as its reference of blocks gives them. */
const plainText = (most: number): z.ZodType<{ type: "plain_text"; text: string; emoji: false }> =>
  z.strictObject({ type: z.literal("plain_text"), text: z.string().min(1).max(most), emoji: z.literal(false) });

const slackMessageSchema = z.strictObject({
  text: z.string().min(1).max(4000),
  blocks: z
    .array(
      z.union([
        z.strictObject({ type: z.literal("header"), text: plainText(150) }),
        z.strictObject({ type: z.literal("section"), text: plainText(3000) }),
        z.strictObject({ type: z.literal("section"), fields: z.array(plainText(2000)).min(1).max(10) }),
        z.strictObject({ type: z.literal("context"), elements: z.array(plainText(2000)).min(1).max(10) }),
      ]),
    )
    .min(1)
    .max(50),
  unfurl_links: z.literal(false),
  unfurl_media: z.literal(false),
});

/** All texts of a message, the fallback first; throws where it is none that Slack takes. */
export function slackTexts(body: string): string[] {
  const message = slackMessageSchema.parse(JSON.parse(body));
  return [
    message.text,
    ...message.blocks.flatMap((block) => {
      if ("fields" in block) return block.fields.map(({ text }) => text);
      return "elements" in block ? block.elements.map(({ text }) => text) : [block.text.text];
    }),
  ];
}
