/** What goes over the wire, from the server's own description (schema.ts is generated: `make types`). */

import type { Raster } from '../services/image/raster';
import type { components, operations } from './schema';

type Schemas = components['schemas'];

export type ChangesSince = Schemas['ChangesSince'];
export type DriftReport = Schemas['DriftReport'];
export type Entry = Schemas['Entry'];
export type EntryDetails = Schemas['EntryDetails'];
export type EntryMetadata = Schemas['EntryMetadata'];
export type Explanation = Schemas['Explanation'];
export type FolderPage = Schemas['FolderPage'];
export type Invitation = Schemas['Invitation'];
export type JobState = Schemas['JobState'];
export type Link = Schemas['Link'];
export type Links = Schemas['Links'];
export type MetadataField = Schemas['MetadataField'];
export type ModamaEvent = Schemas['Event'];
export type OpenedInLibertem = Schemas['OpenedInLibertem'];
export type Person = Schemas['Person'];
export type Project = Schemas['Project'];
export type ProjectSize = Schemas['ProjectSize'];
export type SealSurvey = Schemas['SealSurvey'];
export type Session = Schemas['Session'];
export type SessionState = Schemas['SessionState'];
export type SiteOverview = Schemas['SiteOverview'];
export type UnsealRequest = Schemas['UnsealRequest'];
export type Signal = Schemas['Signal'];
export type Status = Schemas['Status'];
export type ServiceStatus = Schemas['ServiceStatus'];

/** An error as it travels (RFC 9457), with its facts as further fields. */
export interface Problem {
    type: string;
    title?: string;
    status: number;
    detail: string;
    instance?: string;
    [fact: string]: unknown;
}

export type Job = Omit<Schemas['Job'], 'problem'> & { problem: Problem | null };

interface Json {
    content: { 'application/json': unknown };
}

/** The operations of the table: those that are asked for with a POST. */
export type OperationName = {
    [K in keyof operations]: K extends `${string}.get`
        ? never
        : operations[K] extends { requestBody: Json }
          ? K
          : never;
}[keyof operations];

type Body<K extends OperationName> = operations[K] extends {
    requestBody: { content: { 'application/json': infer B } };
}
    ? B
    : never;

/** What an operation takes. Reading says which fields are optional; for the others all are, and the server judges. */
export type Wanted<K extends OperationName> = `${K}.get` extends keyof operations
    ? operations[`${K}.get`] extends { parameters: { query?: infer Q } }
        ? Q extends object
            ? { [F in keyof Q]: F extends keyof Body<K> ? Body<K>[F] : never }
            : Record<string, never>
        : Partial<Body<K>>
    : Partial<Body<K>>;

/** An answer with the facts of a job's problem in their own type. */
type Shaped<A> = A extends Schemas['Job']
    ? Job
    : A extends { items: Schemas['Job'][] }
      ? { items: Job[] }
      : A;

/** What an operation answers; a long one answers with its job. */
export type Answer<K extends OperationName> = operations[K]['responses'] extends { 202: unknown }
    ? { job: Job }
    : operations[K]['responses'] extends { 200: { content: { 'application/json': infer A } } }
      ? Shaped<A>
      : never;

/** What is asked of a preview, beside the file. */
export type PreviewOptions = Omit<
    NonNullable<operations['preview']['parameters']['query']>,
    'path' | 'path_b64'
>;

/** What is asked of the numbers of a frame, beside the file. */
export type FrameOptions = Omit<NonNullable<operations['frame']['parameters']['query']>, 'path' | 'path_b64'>;

export type FrameFacts = Schemas['FrameFacts'];

/** The numbers of a frame, and what they are. */
export interface Frame {
    facts: FrameFacts;
    raster: Raster;
}

export type Contrast = NonNullable<PreviewOptions['contrast']>;

/** A picture and what the server said about it. */
export interface Preview {
    blob: Blob;
    facts: PreviewFacts;
}

/** Facts about a picture; none where something in between has taken the header away. */
export type PreviewFacts = Partial<Schemas['PreviewFacts']>;

/** One question of a small form, asked when a file does not say its own shape. */
export interface FormField {
    name: string;
    label: string;
    /** `shape`: whole numbers with a multiplication sign between them. */
    type: 'choice' | 'shape' | 'integer' | 'text';
    default?: unknown;
    help?: string;
    choices?: string[] | null;
}
