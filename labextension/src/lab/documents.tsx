import {
    ABCWidgetFactory,
    DocumentModel,
    DocumentWidget,
    type DocumentRegistry,
    type IDocumentWidget
} from '@jupyterlab/docregistry';
import type { Contents } from '@jupyterlab/services';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { Modama } from '../services/modama';
import { DataFile } from '../ui/DataFile';
import { modamaIcon } from './icon';
import { dataPath } from './paths';

export const FACTORY = 'modama-viewer';

/** A document whose body is never fetched: a frame of it is asked for by path. */
export class WithoutBody implements DocumentRegistry.IModelFactory<DocumentModel> {
    readonly name = 'modama-without-body';
    readonly contentType: Contents.ContentType = 'file';
    /** None: Lab then asks for the facts of the file, and not for its content. */
    readonly fileFormat: Contents.FileFormat = null;
    readonly collaborative = false;
    isDisposed = false;

    dispose(): void {
        this.isDisposed = true;
    }

    preferredLanguage(): string {
        return '';
    }

    createNew(): DocumentModel {
        // Of a document that others keep, Lab makes no checkpoint; of any other it would copy the whole file when it is opened.
        return new DocumentModel({ collaborationEnabled: true });
    }
}

/** The viewer in a tab of Lab's documents. */
export class FrameDocuments extends ABCWidgetFactory<IDocumentWidget, DocumentRegistry.IModel> {
    constructor(
        private readonly modama: Modama,
        options: DocumentRegistry.IWidgetFactoryOptions<IDocumentWidget>
    ) {
        super(options);
    }

    protected createNewWidget(context: DocumentRegistry.Context): IDocumentWidget {
        const { modama } = this;
        // Lab asks for checkpoints to name the last one in the tab's caption, and the server makes a folder beside the
        // file for the answer.
        context.listCheckpoints = () => Promise.resolve([]);
        const content = ReactWidget.create(
            <DataFile modama={modama} where={() => dataPath(modama, context.path)} />
        );
        const widget = new DocumentWidget({ content, context });
        widget.title.icon = modamaIcon;
        return widget;
    }
}
